/** Runs the command that sends an e-mail. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { MailerError } from "../../server/users/Mailer.ts"

/** `EX_DATAERR`, `EX_NOUSER` and `EX_NOHOST` of `sysexits.h`. */
const final = new Set([65, 67, 68])

/** The end of what a command says, which has the reason. */
const shown = 300

/** Runs the command with a text as its standard input. */
export const make = Effect.fnUntraced(function* (command: string, timeLimit: Duration.Input) {
  const spawner = yield* ChildProcessSpawner
  const limit = Duration.fromInputUnsafe(timeLimit)
  return (input: string): Effect.Effect<void, MailerError> =>
    Effect.gen(function* () {
      const handle = yield* spawner.spawn(
        ChildProcess.make(command, {
          shell: "/bin/sh",
          stdin: Stream.make(new TextEncoder().encode(input)),
          stdout: "ignore",
          stderr: "pipe",
          forceKillAfter: "1 second"
        })
      )
      const said = yield* Stream.runFold(
        Stream.decodeText(handle.stderr),
        () => "",
        (text, part) => `${text}${part}`.slice(-shown)
      )
      const code = yield* handle.exitCode
      if (code !== 0) {
        return yield* new MailerError({
          message: `the mail command ended with exit code ${code}: ${said}`,
          retryable: !final.has(code)
        })
      }
    }).pipe(
      Effect.scoped,
      Effect.catchTag("PlatformError", (error) =>
        Effect.fail(
          new MailerError({ message: `the mail command cannot be run: ${error.reason._tag}`, retryable: true })
        )
      ),
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () =>
          Effect.fail(
            new MailerError({
              message: `the mail command did not end within ${Duration.format(limit)}`,
              retryable: true
            })
          )
      })
    )
})
