declare const __DROVER_VERSION__: string;

/** The version of this build; "0.0.0-source" when it runs from source. */
export const VERSION: string =
  typeof __DROVER_VERSION__ === 'undefined' ? '0.0.0-source' : __DROVER_VERSION__;
