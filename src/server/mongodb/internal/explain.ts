/** How MongoDB executes an operation. */
import type { MongoClient } from "mongodb"
import type { Explanation } from "../../data/Explanation.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document, Evaluation, Kind, Namespace, Operation } from "../../data/Operation.ts"
import { asked, askedAll, bsonOptions, received } from "./values.ts"
import { evaluationOf, queryStages } from "./operations.ts"
import { stagesUnder } from "./views.ts"

const aggregate = (
  { namespace: { collection }, ...evaluation }: { readonly namespace: Namespace } & Evaluation,
  pipeline: ReadonlyArray<Document>
): Document => ({
  aggregate: collection,
  pipeline,
  cursor: {},
  ...evaluationOf(evaluation)
})

/** What a change searches for. */
const search = (operation: { readonly filter: Document; readonly namespace: Namespace } & Evaluation): Document =>
  aggregate(operation, queryStages({ filter: operation.filter }, operation.namespace.collection))

const commands: { readonly [K in Kind]: (operation: Operation<K>) => Document } = {
  Find: (operation) => aggregate(operation, queryStages(operation, operation.namespace.collection)),
  Count: (operation) => aggregate(operation, queryStages(operation, operation.namespace.collection)),
  Distinct: ({ collation, field, filter, namespace }) => ({
    distinct: namespace.collection,
    key: field,
    query: asked(filter),
    ...evaluationOf({ collation })
  }),
  Aggregate: ({ pipeline, view, ...operation }) =>
    aggregate(operation, [
      ...stagesUnder(operation.collation, view, operation.namespace.collection),
      ...askedAll(pipeline)
    ]),
  Update: search,
  Delete: search,
  FindOneAnd: search,
  Insert: () => {
    throw new DatabaseError({ message: "an insertion is not explained: it searches nothing", code: 115 })
  }
}

/** What a tree of stages names, from the search of documents to the result. */
class Plan {
  readonly stages: Array<string> = []
  readonly indexes: Array<string> = []

  add(value: unknown): void {
    if (!isDocument(value)) return
    for (const name of ["inputStage", "inputStages", "queryPlan"]) {
      const inner = value[name]
      if (Array.isArray(inner)) for (const stage of inner) this.add(stage)
      else this.add(inner)
    }
    const { indexName, stage } = value
    if (typeof stage !== "string") return
    if (typeof indexName === "string") this.indexes.push(indexName)
    this.stages.push(typeof indexName === "string" ? `${stage} ${indexName}` : stage)
  }
}

const documentOf = (value: unknown): Document => (isDocument(value) ? value : {})

const numberOf = (value: unknown): number => Number(received(value) ?? 0)

/** Explains the search of an operation. A change is not executed. */
export const explain = async <K extends Kind>(client: MongoClient, operation: Operation<K>): Promise<Explanation> => {
  const reply = await client
    .db(operation.namespace.database)
    .command({ explain: commands[operation._tag](operation), verbosity: "executionStats" }, { ...bsonOptions })
  // a pipeline that is more than a query has its query in its first stage
  const [first] = Array.isArray(reply["stages"]) ? reply["stages"] : []
  const query = documentOf(documentOf(first)["$cursor"] ?? reply)
  const plan = new Plan()
  plan.add(documentOf(query["queryPlanner"])["winningPlan"])
  const later = Array.isArray(reply["stages"])
    ? reply["stages"].slice(1).flatMap((stage) => Object.keys(documentOf(stage)))
    : []
  const statistics = documentOf(query["executionStats"])
  return {
    indexes: plan.indexes,
    documentsExamined: numberOf(statistics["totalDocsExamined"]),
    documentsReturned: numberOf(statistics["nReturned"]),
    stages: [...plan.stages, ...later],
    others: []
  }
}
