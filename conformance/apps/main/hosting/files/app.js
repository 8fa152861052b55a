console.log("conform")
