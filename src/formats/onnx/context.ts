/** What the parts of the reader share while one model is read. */
import { FlagosError } from '../../core/errors.ts';
import type { Attribute, Graph, Node, ValueType } from '../../core/graph.ts';
import type { Tensor } from '../../core/tensor.ts';
import { Budget, type Limits } from './limits.ts';
import { Names, type Scope } from './names.ts';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  NodeProto,
  OperatorSetIdProto,
  SparseTensorProto,
  TensorProto,
} from './onnx_pb.ts';
import { readSparseTensor } from './sparse.ts';
import { readTensorProto, type TensorSource } from './tensor.ts';

/** Operator set versions by domain; '' is ai.onnx. */
export type Opsets = ReadonlyMap<string, number>;

export const normalDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** The newest ai.onnx operator set the reader knows. */
export const newestOpset = 28;

/** The newest versions of the domains whose ops are upgraded; of other domains any version is taken as it is. */
const newestOpsets: Opsets = new Map([
  ['', newestOpset],
  ['ai.onnx.ml', 5],
]);

/** @throws FLAGOS_E_MODEL_INVALID for a domain imported twice with two versions, FLAGOS_E_MODEL_UNSUPPORTED for a version of an ONNX domain we do not know. */
export const readOpsets = (imports: readonly OperatorSetIdProto[], what: string): Map<string, number> => {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const name = normalDomain(domain);
    const shown = name === '' ? 'ai.onnx' : name;
    const number = Number(version);
    if ((opsets.get(name) ?? number) !== number)
      throw new FlagosError('FLAGOS_E_MODEL_INVALID', `${what} imports two versions of the operator set ${shown}`);
    const newest = newestOpsets.get(name);
    if (newest !== undefined && (number < 1 || number > newest)) {
      throw new FlagosError(
        'FLAGOS_E_MODEL_UNSUPPORTED',
        `${what} uses version ${version} of the operator set ${shown}; 1 to ${newest} are known`,
        {
          hint: number > newest ? 'export the model with an older opset' : undefined,
        },
      );
    }
    if (!Number.isSafeInteger(number) || number < 0)
      throw new FlagosError('FLAGOS_E_MODEL_INVALID', `${what} imports version ${version} of ${shown}`);
    opsets.set(name, number);
  }
  return opsets;
};

/** One call of a model-local function that is being inlined. */
export interface Frame {
  readonly called: LocalFunction;
  readonly caller: Frame | undefined;
  /** The call's attribute, read anew each time; undefined when the call leaves it out and the function has no default. */
  readonly attribute: (name: string) => Attribute | undefined;
}

/** Where nodes are being read: whose names, whose operator sets, inside which function. */
export interface Place {
  readonly scope: Scope;
  readonly opsets: Opsets;
  readonly frame: Frame | undefined;
  /** Put before names of nodes and values of inlined functions. */
  readonly prefix: string;
  /** Graphs and function calls around this place. */
  readonly depth: number;
}

/** What the nodes of one graph are gathered into. Functions are inlined into the graph that calls them. */
export interface Body {
  readonly nodes: Node[];
  readonly initializers: Map<string, Tensor>;
  readonly types: Map<string, ValueType>;
}

/** A function of the model, with what its calls need. */
export interface LocalFunction {
  /** What tells functions apart: domain, name and overload. */
  readonly key: string;
  readonly proto: FunctionProto;
  readonly opsets: Opsets;
  readonly defaults: ReadonlyMap<string, AttributeProto>;
  /** Attributes a call may give. */
  readonly attributes: ReadonlySet<string>;
  /** Position of each output. */
  readonly results: ReadonlyMap<string, number>;
}

/** The readers that call each other: a graph has nodes, a node has graphs and calls functions, which have nodes. */
export interface Readers {
  readonly graph: (ctx: ImportContext, proto: GraphProto, outer: Place) => Graph;
  readonly node: (ctx: ImportContext, proto: NodeProto, index: number, place: Place, body: Body) => void;
}

/** Shared by the whole model. */
export class ImportContext {
  readonly names: Names;
  readonly functions: ReadonlyMap<string, LocalFunction>;
  readonly read: Readers;
  /** Attributes without graphs, read once however often their function is inlined. */
  readonly attributes = new Map<AttributeProto, Attribute>();
  readonly #limits: Limits;
  readonly #dense: Budget;
  readonly #source: TensorSource;
  readonly #tensors = new Map<TensorProto, Tensor>();
  readonly #sparse = new Map<SparseTensorProto, Tensor>();

  constructor(limits: Limits, source: TensorSource, functions: ReadonlyMap<string, LocalFunction>, read: Readers) {
    this.read = read;
    this.#limits = limits;
    this.#source = source;
    this.functions = functions;
    this.#dense = new Budget('denseBytes', limits);
    this.names = new Names(new Budget('parts', limits));
  }

  /** A tensor, read once however often its function is inlined. */
  tensor(proto: TensorProto, what: string): Tensor {
    let tensor = this.#tensors.get(proto);
    if (!tensor) this.#tensors.set(proto, (tensor = readTensorProto(proto, what, this.#source)));
    return tensor;
  }

  sparseTensor(proto: SparseTensorProto, what: string): Tensor {
    let tensor = this.#sparse.get(proto);
    if (!tensor) this.#sparse.set(proto, (tensor = readSparseTensor(proto, what, this.#dense, this.#source)));
    return tensor;
  }

  /** @throws FLAGOS_E_MODEL_UNSUPPORTED when graphs or calls are nested too deep. */
  enter(depth: number, what: string): void {
    if (depth > this.#limits.depth) {
      throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `${what} is nested more than ${this.#limits.depth} deep (limits.depth)`);
    }
  }
}
