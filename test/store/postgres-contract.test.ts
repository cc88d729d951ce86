import { storeContract } from '@drover/testkit';
import { openPostgresStore } from '../../packages/head/src/store/postgres/postgres-store.ts';
import { dropSchema, newPostgresUrl } from './databases.ts';

const log = { info() {}, warn() {}, error() {} };
const onFatal = () => undefined;

storeContract('postgres', async () => {
  const url = newPostgresUrl();
  let store = await openPostgresStore({ url, log, onFatal });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openPostgresStore({ url, log, onFatal });
      return store;
    },
    async destroy() {
      await store.close();
      await dropSchema(url);
    },
  };
});
