package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// What an application sees of a failover: how much was acknowledged, how much of that is not there (or not done) afterwards, what failed and was
// tried again, and the longest time in seconds without an acknowledgement.
type failoverResult struct {
	Acknowledged int     `json:"acknowledged"`
	Lost         int     `json:"lost"`
	Errors       int     `json:"errors"`
	Gap          float64 `json:"gap"`
}

// Calls send with 0, 1, 2 … until the file is there; one that fails is tried again.
func sendUntil(stop string, send func(int) error) failoverResult {
	var result failoverResult
	var last time.Time
	for {
		if _, err := os.Stat(stop); err == nil {
			return result
		}
		if err := send(result.Acknowledged); err != nil {
			result.Errors++
			time.Sleep(50 * time.Millisecond)
			continue
		}
		result.Acknowledged++
		if now := time.Now(); !last.IsZero() {
			result.Gap = max(result.Gap, now.Sub(last).Seconds())
			last = now
		} else {
			last = now
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func failover(arguments []string) (any, error) {
	if len(arguments) != 2 {
		return nil, errors.New("failover LIBRARY STOP-FILE")
	}
	switch library, stop := arguments[0], arguments[1]; library {
	case "go-redis":
		return failoverGoRedis(stop)
	case "asynq":
		return failoverAsynq(stop)
	default:
		return nil, fmt.Errorf("no such library: %s", library)
	}
}

func failoverGoRedis(stop string) (any, error) {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	background := context.Background()
	result := sendUntil(stop, func(number int) error {
		return client.XAdd(background, &redis.XAddArgs{Stream: "go-redis", Values: []string{"n", strconv.Itoa(number)}}).Err()
	})
	entries, err := client.XRange(background, "go-redis", "-", "+").Result()
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, entry := range entries {
		held[entry.Values["n"].(string)] = true
	}
	for number := range result.Acknowledged {
		if !held[strconv.Itoa(number)] {
			result.Lost++
		}
	}
	return result, nil
}

func failoverAsynq(stop string) (any, error) {
	connection, err := asynq.ParseRedisURI(os.Getenv("REDIS_URL"))
	if err != nil {
		return nil, err
	}
	var lock sync.Mutex
	done := map[string]bool{}
	server := asynq.NewServer(connection, asynq.Config{Concurrency: 4, LogLevel: asynq.FatalLevel})
	if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		lock.Lock()
		defer lock.Unlock()
		done[string(task.Payload())] = true
		return nil
	})); err != nil {
		return nil, err
	}
	client := asynq.NewClient(connection)
	defer client.Close()
	result := sendUntil(stop, func(number int) error {
		_, err := client.Enqueue(asynq.NewTask("failover", []byte(strconv.Itoa(number))))
		return err
	})
	missing := func() int {
		lock.Lock()
		defer lock.Unlock()
		count := 0
		for number := range result.Acknowledged {
			if !done[strconv.Itoa(number)] {
				count++
			}
		}
		return count
	}
	// Asynq takes a task back whose lease (30 s) was not renewed, once a minute.
	for end := time.Now().Add(2 * time.Minute); missing() > 0 && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
	}
	result.Lost = missing()
	server.Shutdown()
	return result, nil
}
