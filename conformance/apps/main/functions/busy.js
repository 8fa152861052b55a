exports = () => {
  while (true);
}
