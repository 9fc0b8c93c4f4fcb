// Jobs by BullMQ, a queue and a worker with its usual settings. What was added without an error has to be done.
const { existsSync } = require('fs')
const { performance } = require('perf_hooks')
const { Queue, Worker } = require('bullmq')
const IORedis = require('ioredis')
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function main() {
  const connect = () => new IORedis(process.env.REDIS_URL, { maxRetriesPerRequest: null }).on('error', () => {})
  const queue = new Queue('failover', { connection: connect() })
  const done = new Set()
  const worker = new Worker('failover', async (job) => { done.add(job.data.n) }, { connection: connect() })
  queue.on('error', () => {})
  worker.on('error', () => {})
  const acknowledged = []
  let errors = 0, gap = 0, last
  while (!existsSync(process.argv[2])) {
    try {
      await queue.add('job', { n: acknowledged.length })
      acknowledged.push(acknowledged.length)
      if (last !== undefined) gap = Math.max(gap, performance.now() - last)
      last = performance.now()
      await pause(20)
    } catch {
      errors++
      await pause(50)
    }
  }
  const missing = () => acknowledged.filter((n) => !done.has(n)).length
  const end = performance.now() + 60000 // a job whose lock was lost is looked for every 30 seconds
  while (missing() && performance.now() < end) await pause(200)
  console.log(JSON.stringify({ acknowledged: acknowledged.length, lost: missing(), errors, gap: Math.round(gap / 10) / 100 }))
  process.exit(0)
}
main()
