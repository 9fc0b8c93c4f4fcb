// XADD by ioredis as an application does it: one client for the life of the program, and what fails is tried again.
const { existsSync } = require('fs')
const { performance } = require('perf_hooks')
const Redis = require('ioredis')
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function main() {
  const client = new Redis(process.env.REDIS_URL)
  client.on('error', () => {}) // it connects again by itself
  const acknowledged = []
  let errors = 0, gap = 0, last
  while (!existsSync(process.argv[2])) {
    try {
      await client.xadd('ioredis', '*', 'n', String(acknowledged.length))
      acknowledged.push(String(acknowledged.length))
      if (last !== undefined) gap = Math.max(gap, performance.now() - last)
      last = performance.now()
      await pause(10)
    } catch {
      errors++
      await pause(50)
    }
  }
  const held = new Set((await client.xrange('ioredis', '-', '+')).map(([, fields]) => fields[1]))
  const lost = acknowledged.filter((name) => !held.has(name)).length
  console.log(JSON.stringify({ acknowledged: acknowledged.length, lost, errors, gap: Math.round(gap / 10) / 100 }))
  client.disconnect()
}
main()
