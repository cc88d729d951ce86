/** `drover`: the SDK. */
export * from '@drover/client';
