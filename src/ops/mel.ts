/** MelWeightMatrix: triangular filters that are evenly spaced on the mel scale, mel(f) = 2595·log₁₀(1 + f / 700). */
import { add, and, cast, div, eq, expm1, floor, ge, gt, le, log1p, lt, mul, select, sub, type Expr } from '../compiler/expr.ts';
import { compute } from '../compiler/tensor-expr.ts';
import { isFloat } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { dtype } from './attrs.ts';
import { defineOp, value } from './define.ts';
import { floats, indices, numeric } from './types.ts';
import { elementOf, scalarOf, valueError } from './util.ts';

const MEL = 2595;
const HERTZ = 700;

export const MelWeightMatrix = defineOp({
  name: 'MelWeightMatrix',
  since: 17,
  inputs: {
    num_mel_bins: value(indices),
    dft_length: value(indices),
    sample_rate: indices,
    lower_edge_hertz: floats,
    upper_edge_hertz: floats,
  },
  outputs: { output: ({ attrs }) => attrs.output_datatype },
  attrs: { output_datatype: dtype('float32') },
  compute: ({ num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz }, { output_datatype: to }) => {
    const bands = scalarOf(num_mel_bins, 'num_mel_bins');
    const length = scalarOf(dft_length, 'dft_length');
    if (bands < 0 || length < 1)
      throw valueError(`num_mel_bins ${bands} must not be negative, and dft_length ${length} must be at least 1`);
    if (!numeric.some((d) => d === to))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'output_datatype' is ${to}, it must be a number type`);
    const melOf = (f: Expr): Expr => mul(log1p(div(f, HERTZ)), MEL / Math.LN10);
    const low = melOf(cast(elementOf(lower_edge_hertz, 'lower_edge_hertz'), 'float64'));
    const high = melOf(cast(elementOf(upper_edge_hertz, 'upper_edge_hertz'), 'float64'));
    const rate = cast(elementOf(sample_rate, 'sample_rate'), 'float64');
    /** Spectrogram bins at which filters begin, have their peak, and end: filter i uses edges i, i + 1, i + 2. */
    const edges = compute([bands + 2], (i) => {
      const mel = add(mul(cast(i!, 'float64'), div(sub(high, low), bands + 2)), low);
      const hertz = mul(expm1(mul(div(mel, MEL), Math.LN10)), HERTZ);
      return floor(div(mul(hertz, length + 1), rate));
    });
    return compute([Math.floor(length / 2) + 1, bands], (bin, i) => {
      const j = cast(bin!, 'float64');
      const [left, center, right] = [edges.at(i!), edges.at(add(i!, 1)), edges.at(add(i!, 2))];
      const rising = select(
        eq(left, center),
        select(eq(j, center), 1, 0),
        select(and(ge(j, left), le(j, center)), div(sub(j, left), sub(center, left)), 0),
      );
      const weight = select(and(gt(right, center), and(ge(j, center), lt(j, right))), div(sub(right, j), sub(right, center)), rising);
      return cast(weight, to, !isFloat(to));
    });
  },
});
