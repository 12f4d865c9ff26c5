/**
 * The manifest of a plugin, the `flagos` field of its package.json, checked before any of its code runs.
 */
import { FlagosError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { PluginManifest } from './contract.ts';
import { checkAbi } from './define.ts';

const fields = ['plugin', 'abi', 'provider'];

/** Whether a path leads to something inside the folder it is relative to. */
const staysInside = (path: string): boolean =>
  !/^([A-Za-z]:|[\\/])/.test(path) && !path.split(/[\\/]/).includes('..') && path.replace(/^\.[\\/]?/, '') !== '';

/**
 * @param raw the `flagos` field, as read.
 * @throws FLAGOS_E_PLUGIN_MANIFEST saying what is wrong, FLAGOS_E_PLUGIN_ABI for another contract version.
 */
export const parseManifest = (plugin: string, raw: unknown): PluginManifest => {
  const fail = (reason: string, hint?: string): never => {
    throw new FlagosError('FLAGOS_E_PLUGIN_MANIFEST', `plugin '${plugin}': ${reason}`, {
      hint: hint ?? `its package.json needs "flagos": { "plugin": "./index.js", "abi": 1, "provider": "<name>" }`,
      details: { plugin, manifest: raw },
    });
  };
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return fail('the flagos field of its package.json is not an object');
  const given = new Map<string, unknown>(Object.entries(raw));
  // First, because another contract version may have other fields.
  if (typeof given.get('abi') === 'number') checkAbi(plugin, given.get('abi'), 'package.json');
  for (const name of given.keys()) {
    const meant = fields.includes(name) ? undefined : nearest(name, fields);
    if (meant !== undefined && !given.has(meant))
      fail(`the flagos field of its package.json has '${name}' in place of '${meant}'`, `did you mean ${meant}?`);
  }
  const text = (name: string): string => {
    const value = given.get(name);
    return typeof value === 'string' && value !== ''
      ? value
      : fail(`${name} in the flagos field of its package.json is ${value === undefined ? 'missing' : 'not a text'}`);
  };
  const path = text('plugin');
  if (!staysInside(path))
    fail(`its module '${path}' is not inside the package`, 'give a path relative to the package’s folder, such as ./index.js');
  const provider = text('provider');
  const abi = given.get('abi');
  return typeof abi === 'number'
    ? { plugin: path, abi, provider }
    : fail(`abi in the flagos field of its package.json is ${abi === undefined ? 'missing' : 'not a number'}`);
};
