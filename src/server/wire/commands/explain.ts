/** `explain`: how a command would be executed. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { operations } from "../../data/Database.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import type { Run } from "../../data/Driver.ts"
import type { Explanation } from "../../data/Explanation.ts"
import type { Document } from "../../data/Operation.ts"
import type { Command, Handler } from "../internal/Call.ts"
import { fail } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"

/** Stages from the last one back to the search, each with the one before it, as MongoDB shows them. */
const planOf = ({ indexes, stages }: Explanation): Document => {
  const inIndexes = stages.slice(0, Math.max(1, indexes.length))
  const search: Document =
    indexes.length > 1
      ? { stage: "OR", inputStages: indexes.map((indexName) => ({ stage: "IXSCAN", indexName })) }
      : indexes.length === 1
        ? { stage: "IXSCAN", indexName: indexes[0] }
        : { stage: inIndexes[0] ?? "EOF" }
  return stages.slice(inIndexes.length).reduce<Document>((inputStage, stage) => ({ stage, inputStage }), search)
}

const replyOf = (explanation: Explanation, command: Document): Document => {
  const winningPlan = planOf(explanation)
  return {
    explainVersion: "1",
    queryPlanner: {
      namespace: `${String(command["$db"])}.${String(command[Fields.nameOf(command)])}`,
      indexFilterSet: false,
      winningPlan,
      rejectedPlans: []
    },
    executionStats: {
      executionSuccess: true,
      nReturned: explanation.documentsReturned,
      // an index has one key for each document that it finds
      totalKeysExamined: explanation.indexes.length === 0 ? 0 : explanation.documentsExamined,
      totalDocsExamined: explanation.documentsExamined,
      executionStages: winningPlan,
      others: explanation.others.map((search) => ({ ...search }))
    },
    command,
    ok: 1
  }
}

/** Runs the handler of the command until its first operation, which is explained in place of being executed. */
const explain = (commands: Readonly<Record<string, Command>>): Handler =>
  Effect.fnUntraced(function* (call) {
    const asked = yield* Fields.read(call.request, { explain: Fields.document, verbosity: Fields.ignored })
    const command = { ...asked.explain, $db: call.database }
    const name = Fields.nameOf(command)
    const handler = Object.hasOwn(commands, name) ? commands[name]?.handler : undefined
    if (handler === undefined) return yield* fail("CommandNotFound", `explain failed: no such command: '${name}'`)
    let explanation: Explanation | undefined
    const run: Run = (operation) =>
      Effect.flatMap(call.server.database.explain(operation), (found) => {
        explanation ??= found
        return Effect.fail(new DatabaseError({ message: "explained" }))
      })
    const database = { ...call.server.database, ...operations(run) }
    const server = { ...call.server, database }
    const result = yield* Effect.result(handler({ ...call, server, request: command, operations: database }))
    if (explanation !== undefined) return replyOf(explanation, command)
    return Result.isFailure(result)
      ? yield* result.failure
      : yield* fail("CommandNotSupported", `explain of '${name}' is not supported by this server`)
  })

/** The command, for others by their names. */
export const commands = (others: Readonly<Record<string, Command>>): Readonly<Record<string, Command>> => ({
  explain: { handler: explain(others) }
})
