import type { BSON, User } from "effect-app-services/promise"
import { useMemo } from "react"
import { useCollection } from "./useCollection.ts"
import { useOperation } from "./useOperation.ts"

type Widget = { readonly _id: BSON.ObjectId; readonly name: string; readonly price: number }

/** The collection `widgets`: what one user adds or removes, all see. */
export const Widgets = ({ user }: { readonly user: User }) => {
  const widgets = useMemo(() => user.mongoClient("mongodb-atlas").db("shop").collection<Widget>("widgets"), [user])
  const documents = useCollection(widgets)
  const add = useOperation((name: string, price: number) => widgets.insertOne({ name, price }))
  const remove = useOperation((_id: BSON.ObjectId) => widgets.deleteOne({ _id }))
  const problem = add.problem ?? remove.problem
  if (documents === undefined) return <p>Loading the widgets</p>
  return (
    <section aria-label="Widgets">
      <ul>
        {Array.from(documents, ([id, { _id, name, price }]) => (
          <li key={id}>
            {name}, {price}{" "}
            <button type="button" onClick={() => void remove.run(_id)}>
              Remove {name}
            </button>
          </li>
        ))}
      </ul>
      <form action={(form) => add.run(form.get("name") as string, Number(form.get("price")))}>
        <input name="name" aria-label="name" required />{" "}
        <input name="price" type="number" aria-label="price" required /> <button disabled={add.pending}>Add</button>
      </form>
      {problem !== undefined && <p role="alert">{problem}</p>}
    </section>
  )
}
