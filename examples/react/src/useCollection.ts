import type { Services } from "effect-app-services/promise"
import { useEffect, useState } from "react"

const changed = <T extends Services.Document>(documents: ReadonlyMap<string, T>, change: Services.ChangeEvent<T>) => {
  if (!("documentKey" in change)) return documents
  const next = new Map(documents)
  const key = String(change.documentKey._id)
  if ("fullDocument" in change && change.fullDocument) next.set(key, change.fullDocument)
  else next.delete(key)
  return next
}

/** The documents of a collection by id, kept up to date by the changes of all users; undefined until they are read. */
export const useCollection = <T extends Services.Document>(collection: Services.MongoDBCollection<T>) => {
  const [documents, setDocuments] = useState<ReadonlyMap<string, T>>()
  useEffect(() => {
    let changes: Services.Watch<T>
    let left = false
    const follow = async () => {
      changes = collection.watch()
      // what changes after the read is in `changes`
      await changes.open()
      const found = await collection.find()
      if (!left) setDocuments(new Map(found.map((document) => [String(document._id), document])))
      for await (const change of changes) setDocuments((documents = new Map()) => changed(documents, change))
    }
    const again = () => setTimeout(keepFollowing, 1_000)
    const keepFollowing = () => {
      // where the connection ends, because the device slept or the host restarted, begin again
      if (!left) follow().then(again, again)
    }
    keepFollowing()
    return () => {
      left = true
      void changes.return()
    }
  }, [collection])
  return documents
}
