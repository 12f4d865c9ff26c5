/** Where the op records depart from the official schemas on purpose: data for schemas.test.ts, each entry with its reason. */

export interface Exception {
  /** `Op`, or `domain.Op`. */
  readonly op: string;
  /** The sentence of the comparison this entry answers, exactly. */
  readonly says: string;
  readonly because: string;
}

/** Differences in form that are meant. */
export const exceptions: readonly Exception[] = [
  { op: 'Constant', says: 'attribute sparse_value is of type tensor, officially sparse_tensor', because: 'importers unfold sparse tensors; behind them all tensors are dense' },
  { op: 'DequantizeLinear', says: 'attribute output_dtype is undefined by default, officially 0', because: '0 is UNDEFINED, which is what absent means' },
  { op: 'QuantizeLinear', says: 'attribute output_dtype is undefined by default, officially 0', because: '0 is UNDEFINED, which is what absent means' },
  { op: 'QuantizeLinear', says: 'attribute precision is undefined by default, officially 0', because: '0 is UNDEFINED, which is what absent means' },
  {
    op: 'Scan',
    says: 'attributes are body, directions, num_scan_inputs, scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions, officially body, num_scan_inputs, scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions',
    because: 'version 8 has a batch axis and optional lengths, which no node of the newest form can say; the record serves it, and directions is its attribute',
  },
];

/** Official ops that have no record, and why. Deprecated ones need no entry. */
export const withoutRecord: Readonly<Record<string, string>> = {};

/** Element types an official input allows and ours does not, as the comparison prints them, and why. */
export const withoutTypes: readonly Exception[] = [];
