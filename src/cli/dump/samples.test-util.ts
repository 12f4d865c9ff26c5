/** Files as other programs wrote them, in base64. */

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** numpy.savez (NumPy 2): `x` float32 [2, 3] of 0 … 5, `deep/z` float64 of 3.5; its local headers are zip64. */
export const plainNpz = bytes(
  'UEsDBC0AAAAAAAAAIQBP6QAq//////////8FABQAeC5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAzKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD8AAABAAABAQAAAgEAAAKBAUEsDBC0AAAAAAAAAIQA9PuNb//////////8KABQAZGVlcC96Lm5weQEAEACIAAAAAAAAAIgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAMQFBLAQItAy0AAAAAAAAAIQBP6QAqmAAAAJgAAAAFAAAAAAAAAAAAAACAAQAAAAB4Lm5weVBLAQItAy0AAAAAAAAAIQA9PuNbiAAAAIgAAAAKAAAAAAAAAAAAAACAAc8AAABkZWVwL3oubnB5UEsFBgAAAAACAAIAawAAAJMBAAAAAA==',
);

/** numpy.savez_compressed: `x` as above, `s` the same in Fortran order. */
export const packedNpz = bytes(
  'UEsDBC0AAAAIAAAAIQBP6QAq//////////8FABQAeC5ucHkBABAAmAAAAAAAAABVAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYwaLAHEg5ABMQNQLzAAQBQSwMELQAAAAgAAAAhAM4s4NP//////////wUAFABzLm5weQEAEACYAAAAAAAAAFYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmoq6joJ6WX1RSlJgXn1+UkgoSDykqTQUKF2ckFqQCuRpGOgrGmjoKtQrkAy4GMHBwYGBosAdiBxCHgWGBAwBQSwECLQMtAAAACAAAACEAT+kAKlUAAACYAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAACAAAACEAzizg01YAAACYAAAABQAAAAAAAAAAAAAAgAGMAAAAcy5ucHlQSwUGAAAAAAIAAgBmAAAAGQEAAAAA',
);

const y =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAQAAAgEAAAMBAAAAAQQAAIEE=';
const z =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAAIAAAAAAAAAAwAAAAAAAAA=';

const lazy = (array: string) => ({ values: { array, polygraphy_class: 'ndarray' }, polygraphy_class: 'LazyArray' });
const iteration = (runner_name: string) => ({
  outputs: { y: lazy(y), 'deep/z': lazy(z) },
  runtime: 0.1,
  runner_name,
  polygraphy_class: 'IterationResult',
});

/** RunResults.save of Polygraphy 0.53: `y` float32 [2, 3] of 0, 2 … 10, `deep/z` int64 of 1, 2, 3. @param runners names, each with two iterations. */
export const polygraphyResults = (...runners: readonly string[]): string =>
  JSON.stringify({ lst: runners.map((r) => [r, [iteration(r), iteration(r)]]), polygraphy_class: 'RunResults' }, null, 4);

/** save_json of a list of feeds, as --save-inputs does: `x` is the `y` above. */
export const polygraphyInputs = JSON.stringify([{ x: { array: y, polygraphy_class: 'ndarray' } }]);

/** As old versions wrote it: markers of their own, arrays as latin-1 text. */
export const polygraphyLegacy = JSON.stringify({
  __polygraphy_encoded_RunResults: 'polygraphy_serialized_json_type',
  lst: [
    [
      'runner',
      [
        {
          __polygraphy_encoded_IterationResult: 'polygraphy_serialized_json_type',
          runtime: null,
          runner_name: 'runner',
          outputs: {
            y: {
              __polygraphy_encoded_LazyNumpyArray: 'polygraphy_serialized_json_type',
              values: {
                __polygraphy_encoded_ndarray: 'polygraphy_serialized_json_type',
                array: Buffer.from(y, 'base64').toString('latin1'),
              },
            },
          },
        },
      ],
    ],
  ],
});
