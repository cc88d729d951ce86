/** Pickles against bytes that a real client has read, and against Python itself. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { errorText, skyErrorOf } from './errors.ts';
import { type Picklable, PyCall, PyObject, PyTuple, pickle, pickleBase64 } from './pickle.ts';

const PYTHON = spawnSync('python3', ['--version']).status === 0;

/** What Python makes of it, printed. */
function read(value: Picklable): string {
  const script =
    'import base64, pickle, sys, types\n' +
    'made = type("Made", (), {"__repr__": lambda self: f"Made({self.__dict__})"})\n' +
    'sys.modules["made"] = types.SimpleNamespace(Made=made)\n' +
    'print(ascii(pickle.loads(base64.b64decode(sys.argv[1]))))';
  const { stdout, stderr } = spawnSync('python3', ['-c', script, pickleBase64(value)], { encoding: 'utf8' });
  return stdout.trim() || stderr;
}

describe('a pickle', () => {
  it('is byte for byte the one of an object that a client has read', () => {
    const handle = new PyObject('sky.backends.cloud_vm_ray_backend', 'CloudVmRayResourceHandle', {
      _version: 10,
      cluster_name: 'c1',
    });
    const bytes = [
      '8002',
      Buffer.from('csky.backends.cloud_vm_ray_backend\nCloudVmRayResourceHandle\n').toString('hex'),
      '29817d2858080000005f76657273696f6e4a0a000000580c000000636c75737465725f6e616d6558020000006331',
      '75622e',
    ];
    expect(pickle(handle).toString('hex')).toBe(bytes.join(''));
  });

  it('of nothing is the shortest there is', () => {
    expect(pickleBase64(null)).toBe('gAJOLg==');
  });

  it('carries an error as its clients have read it', () => {
    const message = "Cluster 'x' does not exist.";
    const error = skyErrorOf({ code: 'CLUSTER_NOT_FOUND', message, details: {} }, 'down');
    expect(JSON.parse(errorText(error))).toEqual({
      type: 'ClusterDoesNotExist',
      message,
      object:
        'gAJ9KFgEAAAAdHlwZVgTAAAAQ2x1c3RlckRvZXNOb3RFeGlzdFgHAAAAbWVzc2FnZVgbAAAAQ2x1c3RlciAneCcgZG9lcyBub3QgZXhpc3QuWAQAAABhcmdzKFgbAAAAQ2x1c3RlciAneCcgZG9lcyBub3QgZXhpc3QudFgKAAAAYXR0cmlidXRlc30odVgKAAAAc3RhY2t0cmFjZU51Lg==',
    });
  });

  it.skipIf(!PYTHON).each<[string, Picklable, string]>([
    [
      'numbers',
      [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 40), 1.5, -0.25],
      '[0, -1, 2147483647, -2147483648, 2147483648, -1099511627776, 1.5, -0.25]',
    ],
    [
      'the largest whole number, and what is none',
      [2 ** 53 - 1, -0, 1e300],
      '[9007199254740991, -0.0, 1e+300]',
    ],
    ['texts', ['', 'ä €', '\u{1F600}', "it's\n"], `['', '\\xe4 \\u20ac', '\\U0001f600', "it's\\n"]`],
    ['truth and nothing', [true, false, null], '[True, False, None]'],
    [
      'tuples, lists and dicts, empty and nested',
      { a: new PyTuple([]), b: [[], {}], c: { d: new PyTuple([1, ['x']]) } },
      "{'a': (), 'b': [[], {}], 'c': {'d': (1, ['x'])}}",
    ],
    ['exceptions', new PyCall('builtins', 'ValueError', ['why']), "ValueError('why')"],
    [
      'objects with a state and without',
      [new PyObject('made', 'Made', { x: 1 }), new PyObject('made', 'Made', null)],
      "[Made({'x': 1}), Made({})]",
    ],
  ])('is read by Python: %s', (_, value, printed) => {
    expect(read(value)).toBe(printed);
  });
});
