exports = () => ({
  int: 5,
  long: 5000000000,
  double: 1.5,
  nan: NaN,
  infinity: -Infinity,
  text: "é",
  yes: true,
  none: null,
  date: new Date(1577836800000),
  early: new Date(-1),
  id: new BSON.ObjectId("5f1d7f3e9c1b2a0012345678"),
  price: BSON.Decimal128.fromString("1.5"),
  list: [1, "two", { three: 3 }]
})
