import * as Realm from "effect-app-services/promise"

/** The application, built once; every module imports it. `VITE_BASE_URL` says where the host is. */
export const app = new Realm.App({
  id: "shop-abcde",
  baseUrl: import.meta.env["VITE_BASE_URL"] ?? "http://127.0.0.1:9090"
})
