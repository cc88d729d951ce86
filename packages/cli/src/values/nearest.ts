export { nearest } from '@drover/core';
