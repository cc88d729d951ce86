/** Names of environment variables that are taken everywhere: those that every shell can use. */
export const ENV_KEY = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
export const ENV_KEY_RULE = 'letters, digits and _, not starting with a digit, at most 255';
