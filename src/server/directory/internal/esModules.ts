/**
 * Rewrites the `import` declarations and the `export default` of a function's source, which runs as a script. Every line
 * keeps its number.
 */
import * as acorn from "./acorn.ts"

type Statement = acorn.Program["body"][number]
type Import = Extract<Statement, { type: "ImportDeclaration" }>

/** A change of the text between two offsets. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * The script that does what a source with `import` does: packages are required when the function is called. It is `undefined`
 * if the source does not parse, or exports by name.
 */
export const toScript = (source: string): string | undefined => {
  const statements = parse(source)
  if (statements === undefined) return undefined
  const required: Array<string> = []
  const exported: Array<string> = []
  const edits: Array<Edit> = []
  for (const statement of statements) {
    if (statement.type === "ImportDeclaration") {
      required.push(requireOf(statement))
      edits.push({ ...placeOf(statement), text: "" })
    } else if (statement.type === "ExportDefaultDeclaration") {
      const { declaration } = statement
      const isNamed =
        (declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration") &&
        declaration.id !== null
      if (isNamed) exported.push(`;exports = ${declaration.id.name}`)
      edits.push({ start: statement.start, end: declaration.start, text: isNamed ? "" : "exports = " })
    } else if (statement.type === "ExportNamedDeclaration" || statement.type === "ExportAllDeclaration") {
      return undefined
    }
  }
  return [...required, apply(source, edits), ...exported].join("")
}

const parse = (source: string): ReadonlyArray<Statement> | undefined => {
  try {
    const options = { ecmaVersion: "latest", sourceType: "script", allowImportExportEverywhere: true } as const
    return acorn.parse(source, options).body
  } catch {
    return undefined
  }
}

const placeOf = ({ end, start }: Statement) => ({ start, end })

/** Applies edits in sequence, and keeps the line breaks of the text that they replace. */
const apply = (source: string, edits: ReadonlyArray<Edit>): string => {
  let text = ""
  let at = 0
  for (const edit of edits) {
    const replaced = source.slice(edit.start, edit.end)
    text += source.slice(at, edit.start) + replaced.replace(/[^\r\n\u2028\u2029]/g, "") + edit.text
    at = edit.end
  }
  return text + source.slice(at)
}

/** A package's default export: the package itself, unless it was compiled from an ES module. */
const ofModule = (name: string) => `(it => it && it.__esModule ? it.default : it)(${name})`

const requireOf = ({ source, specifiers }: Import): string => {
  const module = `require(${JSON.stringify(source.value)})`
  const named: Array<string> = []
  let script = specifiers.length === 0 ? `${module};` : ""
  for (const specifier of specifiers) {
    const { name } = specifier.local
    if (specifier.type === "ImportNamespaceSpecifier") script += `const ${name} = ${module};`
    else if (specifier.type === "ImportDefaultSpecifier") script += `const ${name} = ${ofModule(module)};`
    else {
      const { imported } = specifier
      const key = imported.type === "Identifier" ? imported.name : String(imported.value)
      if (key === "default") script += `const ${name} = ${ofModule(module)};`
      else named.push(`${JSON.stringify(key)}: ${name}`)
    }
  }
  return named.length === 0 ? script : `${script}const { ${named.join(", ")} } = ${module};`
}
