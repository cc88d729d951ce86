/** `drover/sky`: the names of SkyPilot's Python SDK. Node only. */
export * from '@drover/client/sky';
