import type { AccessTable } from '../access.ts';

/** PyLet itself knows no users: reading and changing are told apart here. */
export const PYLET_ACCESS: AccessTable = {
  'GET /instances': 'viewer',
  'GET /instances/:id': 'viewer',
  'GET /instances/:id/endpoint': 'viewer',
  'GET /instances/:id/result': 'viewer',
  'GET /instances/:id/logs': 'viewer',
  'GET /instances/by-name/:name': 'viewer',
  'GET /instances/by-name/:name/endpoint': 'viewer',
  'POST /instances': 'user',
  'POST /instances/:id/cancel': 'user',
  'DELETE /instances': 'user',
  'DELETE /instances/:id': 'user',
  'DELETE /instances/by-name/:name': 'user',
  'GET /workers': 'viewer',
  'GET /workers/:id': 'viewer',
};
