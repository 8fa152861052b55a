exports = function* (count) {
  for (let i = 1; i <= count; i++) yield { _id: i, text: `100% of\r\n${i}` }
}
