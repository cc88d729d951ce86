/** `drover/local`: a herd on this machine. Node only. */
export * from '@drover/client/local';
