/** The op records against the official schemas: a difference is a fault unless schema-exceptions.ts gives a reason. */
import { describe, expect, it } from 'vitest';
import { opName } from '../../src/core/graph.ts';
import { findOp, opRecords } from '../../src/ops/index.ts';
import { exceptions, withoutRecord, withoutSchema, withoutTypes, type Exception } from './schema-exceptions.ts';
import { differences, missingTypes, schemas } from './schemas.ts';

const held = schemas.flatMap((schema) => {
  const record = findOp(schema.domain, schema.name);
  return record ? [{ name: opName(schema.domain, schema.name), schema, record }] : [];
});
const excused = (table: readonly Exception[], op: string): string[] => table.filter((e) => e.op === op).map((e) => e.says);
const officialDomains = new Set(schemas.map((s) => s.domain));

describe('op records against the official schemas', () => {
  it.each(held)('$name has the official form', ({ name, schema, record }) => {
    expect(differences(record, schema).filter((d) => !excused(exceptions, name).includes(d))).toEqual([]);
  });

  it('has no record of an official domain that ONNX does not know, or a reason', () => {
    const known = new Set(schemas.map((s) => opName(s.domain, s.name)));
    const unknown = opRecords.filter((r) => officialDomains.has(r.domain) && !known.has(opName(r.domain, r.name)));
    expect(unknown.map((r) => r.name).sort()).toEqual(Object.keys(withoutSchema).sort());
  });

  it('has a record of every official op that is not deprecated, or a reason', () => {
    const missing = schemas.filter((s) => !s.deprecated && !findOp(s.domain, s.name)).map((s) => opName(s.domain, s.name));
    expect(missing).toEqual(Object.keys(withoutRecord).sort());
  });

  it('allows every official element type, or says why not', () => {
    const missing = held.flatMap(({ name, schema, record }) => missingTypes(record, schema).map((says) => `${name} ${says}`));
    expect(missing.sort()).toEqual(withoutTypes.map((e) => `${e.op} ${e.says}`).sort());
  });

  it('keeps no exception that nothing needs', () => {
    const said = new Set(held.flatMap(({ name, schema, record }) => differences(record, schema).map((d) => `${name} ${d}`)));
    expect(exceptions.map((e) => `${e.op} ${e.says}`).filter((e) => !said.has(e))).toEqual([]);
  });
});
