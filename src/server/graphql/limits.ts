/** The limits of a request, which no document can exceed. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLResolveInfo,
  Kind,
  type SelectionSetNode
} from "./internal/graphqlJs.ts"

/** The most of each in a request. The time that validation takes grows with the square of the fields. */
export const most = { tokens: 10_000, fields: 1000, depth: 20, operations: 200, values: 1_000_000 } as const

type Fragments = Readonly<Record<string, { readonly selectionSet: SelectionSetNode } | undefined>>

const fragmentsOf = (document: DocumentNode): Fragments =>
  Object.fromEntries(
    document.definitions.flatMap((it) => (it.kind === Kind.FRAGMENT_DEFINITION ? [[it.name.value, it]] : []))
  )

/** The fields and fragments that selection sets name, as they are written. */
const written = (set: SelectionSetNode | undefined): number =>
  (set?.selections ?? []).reduce(
    (sum, selection) => sum + 1 + (selection.kind === Kind.FRAGMENT_SPREAD ? 0 : written(selection.selectionSet)),
    0
  )

/** An error for a document that is too long to be validated. */
export const tooLong = ({ definitions }: DocumentNode): GraphQLError | undefined =>
  definitions.reduce((sum, it) => sum + ("selectionSet" in it ? written(it.selectionSet) : 0), 0) <= most.fields
    ? undefined
    : new GraphQLError(`the query names more than ${most.fields} fields: split it`)

/** Adds up something about a selection set, each fragment once. Validated documents have no cycles. */
const folded = (
  fragments: Fragments,
  field: (below: number) => number,
  add: (a: number, b: number) => number
): ((set: SelectionSetNode | undefined) => number) => {
  const known = new Map<string, number>()
  const ofSet = (set: SelectionSetNode | undefined): number => {
    let sum = 0
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) sum = add(sum, field(ofSet(selection.selectionSet)))
      else if (selection.kind === Kind.INLINE_FRAGMENT) sum = add(sum, ofSet(selection.selectionSet))
      else sum = add(sum, ofFragment(selection.name.value))
    }
    return sum
  }
  const ofFragment = (name: string): number => {
    const found = known.get(name) ?? ofSet(fragments[name]?.selectionSet)
    known.set(name, found)
    return found
  }
  return ofSet
}

const depthIn = (fragments: Fragments) => folded(fragments, (below) => below + 1, Math.max)

/** An error for a document with fields inside of too many others. Fragments must have no cycles. */
export const tooDeep = (document: DocumentNode): GraphQLError | undefined => {
  const depthOf = depthIn(fragmentsOf(document))
  const depths = document.definitions.map((it) => ("selectionSet" in it ? depthOf(it.selectionSet) : 0))
  return Math.max(0, ...depths) <= most.depth
    ? undefined
    : new GraphQLError(`the query has more than ${most.depth} levels of fields`)
}

/** Counts operations and values of one request. The counters throw an error where there are too many. */
export const counters = () => {
  let operations = 0
  let values = 0
  let sizeIn: ReturnType<typeof folded> | undefined
  return {
    operation: (): void => {
      if (++operations > most.operations) {
        throw new GraphQLError(`the request needs more than ${most.operations} operations: split it`)
      }
    },
    /** The fields of each item are counted as those that the field asks for. */
    list: (length: number, { fieldNodes, fragments }: GraphQLResolveInfo): void => {
      sizeIn ??= folded(
        fragments,
        (below) => below + 1,
        (a, b) => a + b
      )
      const size = fieldNodes.reduce((sum, { selectionSet }) => sum + (sizeIn?.(selectionSet) ?? 0), 0)
      values += length * Math.max(1, size)
      if (values > most.values) {
        throw new GraphQLError(`the answer has more than ${most.values} values: ask for fewer fields, or set a limit`)
      }
    }
  }
}
