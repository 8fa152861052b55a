exports = ({ query, headers, body }, response) => {
  if (query.status !== undefined) response.setStatusCode(Number(query.status))
  if (query.body !== undefined) response.setBody(query.body)
  return {
    method: context.request.httpMethod,
    type: headers["Content-Type"],
    text: body === undefined ? null : body.text()
  }
}
