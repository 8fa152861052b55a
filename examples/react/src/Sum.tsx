import type { User } from "effect-app-services/promise"
import { useOperation } from "./useOperation.ts"

/** Calls the function `sum` of the application. */
export const Sum = ({ user }: { readonly user: User }) => {
  const { pending, problem, run, value } = useOperation((form: FormData) =>
    user.callFunction<number>("sum", Number(form.get("a")), Number(form.get("b")))
  )
  return (
    <form action={run} aria-label="Sum">
      <input name="a" type="number" aria-label="first number" defaultValue={20} /> +{" "}
      <input name="b" type="number" aria-label="second number" defaultValue={22} />{" "}
      <button disabled={pending}>Add up</button> <output>{value}</output>
      {problem !== undefined && <p role="alert">{problem}</p>}
    </form>
  )
}
