exports = (...numbers) => numbers.reduce((sum, number) => sum + number, 0)
