// The programs that read what raibid-cli writes, as tests ask for them: compose's own loader, the readers of .env files, docker's
// --env-file, and Asynq. Results are JSON on stdout.
//
//	readers compose FILE ENV-FILE       {"project": …, "extensions": …} as docker compose loads them
//	readers dotenv FILE                 {"godotenv": {…}, "compose": {…}}
//	readers docker FILE                 the variables of docker run --env-file
//	readers asynq-enqueue ADDRESS       one task for each of mirai's queues, with its client's options
//	readers asynq-process ADDRESS QUEUES COUNT   a server until COUNT tasks are done; QUEUES is name=weight,…
//	readers asynq-inspect ADDRESS QUEUE          what the Inspector sees of it
//	readers asynq-fill ADDRESS QUEUE             a task in each state that client and server bring one to; their IDs by state
//	readers redis-url                            what PING answers go-redis and Asynq, with REDIS_URL and Go's usual certificates
//	readers failover LIBRARY STOP-FILE           go-redis or asynq with REDIS_URL, until that file is there: what was acknowledged and what is there
//	readers verify CERTIFICATE CA NAME PURPOSE   {"error": ""} when Go accepts the chain in that file; PURPOSE: server, client
//	readers asynq-act ADDRESS QUEUE ACTION [ID]  the Inspector's RunTask, DeleteTask, ArchiveTask, PauseQueue or UnpauseQueue
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	composeenv "github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/docker/cli/pkg/kvfile"
	"github.com/hibiken/asynq"
	"github.com/joho/godotenv"
	"github.com/redis/go-redis/v9"
)

func main() {
	commands := map[string]func([]string) (any, error){
		"compose":       compose,
		"dotenv":        dotenv,
		"docker":        docker,
		"asynq-enqueue": enqueue,
		"asynq-process": process,
		"asynq-inspect": inspect,
		"asynq-fill":    fill,
		"asynq-act":     act,
		"redis-url":     redisURL,
		"verify":        verify,
		"failover":      failover,
	}
	run, ok := commands[strings.Join(os.Args[1:2], "")]
	if !ok {
		fail(errors.New("which reader?"))
	}
	result, err := run(os.Args[2:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "readers:", err)
	os.Exit(1)
}

func compose(arguments []string) (any, error) {
	options, err := cli.NewProjectOptions(arguments[:1], cli.WithEnvFiles(arguments[1]), cli.WithDotEnv)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return map[string]any{"project": project, "extensions": project.Extensions}, nil
}

func dotenv(arguments []string) (any, error) {
	plain, err := godotenv.Read(arguments[0])
	if err != nil {
		return nil, fmt.Errorf("godotenv: %w", err)
	}
	composed, err := composeenv.Read(arguments[0])
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	return map[string]any{"godotenv": plain, "compose": composed}, nil
}

func docker(arguments []string) (any, error) {
	lines, err := kvfile.Parse(arguments[0], nil)
	variables := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		variables[name] = value
	}
	return variables, err
}

// mirai's job types with their queues and retries.
var tasks = []struct {
	kind, queue string
	retries     int
}{
	{"cleanup:expired", "low", 1},
	{"ai:generation", "default", 3},
	{"stripe:provision", "critical", 10},
}

func enqueue(arguments []string) (any, error) {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: arguments[0]})
	defer client.Close()
	ids := map[string]string{}
	for _, task := range tasks {
		info, err := client.Enqueue(asynq.NewTask(task.kind, []byte(`{"id":1}`)), asynq.Queue(task.queue), asynq.MaxRetry(task.retries))
		if err != nil {
			return nil, err
		}
		ids[task.queue] = info.ID
	}
	return ids, nil
}

func process(arguments []string) (any, error) {
	queues := map[string]int{}
	for _, word := range strings.Split(arguments[1], ",") {
		name, weight, _ := strings.Cut(word, "=")
		number, err := strconv.Atoi(weight)
		if err != nil {
			return nil, err
		}
		queues[name] = number
	}
	count, err := strconv.Atoi(arguments[2])
	if err != nil {
		return nil, err
	}
	type done struct{ Type, Payload, ID, Queue string }
	var mutex sync.Mutex
	var all []done
	finished := make(chan struct{})
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: arguments[0]},
		asynq.Config{Concurrency: 1, StrictPriority: true, Queues: queues, LogLevel: asynq.ErrorLevel})
	handler := func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		queue, _ := asynq.GetQueueName(ctx)
		mutex.Lock()
		defer mutex.Unlock()
		all = append(all, done{task.Type(), string(task.Payload()), id, queue})
		if len(all) == count {
			close(finished)
		}
		return nil
	}
	if err := server.Start(asynq.HandlerFunc(handler)); err != nil {
		return nil, err
	}
	select {
	case <-finished:
	case <-time.After(30 * time.Second):
		err = fmt.Errorf("%d of %d tasks after 30 s", len(all), count)
	}
	server.Shutdown()
	return all, err
}

func inspect(arguments []string) (any, error) {
	inspector := asynq.NewInspector(asynq.RedisClientOpt{Addr: arguments[0]})
	defer inspector.Close()
	info, err := inspector.GetQueueInfo(arguments[1])
	if err != nil {
		return nil, err
	}
	result := map[string]any{"info": info}
	lists := map[string]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		"pending": inspector.ListPendingTasks, "active": inspector.ListActiveTasks, "retry": inspector.ListRetryTasks,
		"archived": inspector.ListArchivedTasks, "scheduled": inspector.ListScheduledTasks,
		"completed": inspector.ListCompletedTasks,
	}
	for state, list := range lists {
		found, err := list(arguments[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", state, err)
		}
		result[state] = found
	}
	return result, nil
}

func fill(arguments []string) (any, error) {
	address, queue := asynq.RedisClientOpt{Addr: arguments[0]}, arguments[1]
	client := asynq.NewClient(address)
	defer client.Close()
	inspector := asynq.NewInspector(address)
	defer inspector.Close()
	ids := map[string]string{}
	add := func(state, kind, payload string, options ...asynq.Option) error {
		task := asynq.NewTaskWithHeaders(kind, []byte(payload), map[string]string{"tenant": "one"})
		info, err := client.Enqueue(task, append(options, asynq.Queue(queue))...)
		if err == nil {
			ids[state] = info.ID
		}
		return err
	}
	err := errors.Join(
		add("completed", "works", `{"n":1}`, asynq.Retention(time.Hour)),
		add("retry", "fails", `{"n":2}`, asynq.MaxRetry(3)),
		add("archived", "fails", `{"n":3}`, asynq.MaxRetry(0)))
	if err != nil {
		return nil, err
	}
	server := asynq.NewServer(address, asynq.Config{
		Concurrency: 1, Queues: map[string]int{queue: 1}, LogLevel: asynq.FatalLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour }})
	handler := func(_ context.Context, task *asynq.Task) error {
		if task.Type() == "fails" {
			return errors.New("no disk left")
		}
		_, err := task.ResultWriter().Write([]byte("fine"))
		return err
	}
	if err := server.Start(asynq.HandlerFunc(handler)); err != nil {
		return nil, err
	}
	until := time.Now().Add(30 * time.Second)
	for state, id := range ids {
		for {
			info, err := inspector.GetTaskInfo(queue, id)
			if err == nil && info.State.String() == state {
				break
			}
			if time.Now().After(until) {
				return nil, fmt.Errorf("no task came to state %s: %w", state, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	server.Shutdown()
	return ids, errors.Join(
		add("scheduled", "later", `{"n":4}`, asynq.ProcessIn(2*time.Hour)),
		add("aggregating", "grouped", `{"n":5}`, asynq.Group("books")),
		add("unique", "once", `{"n":6}`, asynq.Unique(time.Hour)),
		add("binary", "bytes", "\x00\xff\n"),
		add("pending", "works", `{"n":7}`, asynq.Timeout(time.Minute)))
}

func act(arguments []string) (any, error) {
	inspector := asynq.NewInspector(asynq.RedisClientOpt{Addr: arguments[0]})
	defer inspector.Close()
	queue, id := arguments[1], strings.Join(arguments[3:], "")
	switch action := arguments[2]; action {
	case "run":
		return true, inspector.RunTask(queue, id)
	case "delete":
		return true, inspector.DeleteTask(queue, id)
	case "archive":
		return true, inspector.ArchiveTask(queue, id)
	case "pause":
		return true, inspector.PauseQueue(queue)
	case "unpause":
		return true, inspector.UnpauseQueue(queue)
	default:
		return nil, fmt.Errorf("unknown action %s", action)
	}
}

func verify(arguments []string) (any, error) {
	chain, err := os.ReadFile(arguments[0])
	if err != nil {
		return nil, err
	}
	roots, err := os.ReadFile(arguments[1])
	if err != nil {
		return nil, err
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: arguments[2],
		KeyUsages: []x509.ExtKeyUsage{map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth}[arguments[3]]}}
	if !options.Roots.AppendCertsFromPEM(roots) {
		return nil, errors.New("no root")
	}
	block, rest := pem.Decode(chain)
	if block == nil {
		return nil, errors.New("no certificate")
	}
	options.Intermediates.AppendCertsFromPEM(rest)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if _, err := leaf.Verify(options); err != nil {
		return map[string]string{"error": err.Error()}, nil
	}
	return map[string]string{"error": ""}, nil
}

func redisURL([]string) (any, error) {
	url := os.Getenv("REDIS_URL")
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	pong, err := client.Ping(context.Background()).Result()
	if err != nil {
		return nil, fmt.Errorf("go-redis: %w", err)
	}
	connection, err := asynq.ParseRedisURI(url)
	if err != nil {
		return nil, err
	}
	jobs := asynq.NewClient(connection)
	defer jobs.Close()
	if err := jobs.Ping(); err != nil {
		return nil, fmt.Errorf("asynq: %w", err)
	}
	return map[string]string{"go-redis": pong, "asynq": "PONG"}, nil
}
