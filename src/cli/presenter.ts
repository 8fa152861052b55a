/**
 * How mistakes in a command line are shown: without the whole help, which is longer than a screen and would be in the results
 * that scripts read.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as CliOutput from "effect/cli/CliOutput"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"

const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const { commandPath, errors, helpDoc } = event
    const help = [...commandPath, "--help"].join(" ")
    return Effect.flatMap(TerminalCapabilities.TerminalCapabilities, ({ canColor }) =>
      Console.error(
        [
          // the first words tell of an implementation
          CliOutput.defaultFormatter({ colors: canColor })
            .formatErrors(errors)
            .replaceAll("Expected: Schema validation failed: ", ""),
          `\nUSAGE\n  ${helpDoc.usage}`,
          `\n${help} tells more`
        ].join("\n")
      )
    )
  }
}

/** Shows mistakes in a command line by themselves, on standard error. */
export const layer = CliOutput.layerPresenter(presenter)
