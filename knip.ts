import type { KnipConfig } from "knip"
import { publicModules } from "./scripts/surface.ts"

/** What users import is used; of everything else, the project has to use it. */
const config: KnipConfig = {
  entry: [
    ...publicModules.map(({ file }) => file),
    "src/cli/main.ts",
    "src/server/functions/process/guest/main.ts",
    "src/page/main.tsx",
    "examples/**/*.ts",
    "examples/react/src/main.tsx",
    "bench/*.ts",
    "conformance/{run,cases/*}.ts",
    "scripts/*.ts",
    "test/**/*.test-d.ts",
    "test/server/storage/crashWriter.ts",
    "test/support/fromSource.ts",
    "test/browser/{page,realmWeb,signedIn}.ts",
    "test/support/smoke.ts"
  ],
  project: ["{src,test,examples,bench,conformance,scripts}/**/*.{ts,tsx}"],
  // the types of a module's own exports may have names
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: ["mkfifo", "systemd-analyze"],
  // the packages of the AWS SDK are loaded by name when a function needs one; of bun and deno the programs are started
  ignoreDependencies: [
    "@aws-sdk/client-s3",
    "@aws-sdk/client-ses",
    "@aws-sdk/s3-request-presigner",
    "@arethetypeswrong/cli",
    "@effect/language-service",
    "@effect/tsgo",
    "bun",
    "deno",
    "publint"
  ]
}

export default config
