exports = () => ({ error: "this is a result", error_code: "Custom" })
