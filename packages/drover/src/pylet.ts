/** `drover/pylet`: the names of the PyLet API. Node only. */
export * from '@drover/client/pylet';
