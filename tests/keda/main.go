// KEDA's own code, asked what it would do with a ScaledJob: its scalers read the real Redis, its calculation and its scaling
// strategy say how many Jobs it would start.
//
//	scalers FILE RUNNING    FILE is what `export keda` wrote; the password, if any, comes on standard input; RUNNING is how
//	                        many Jobs run already
//
// On stdout: {"triggers": [{"type": …, "value": …, "active": …, "error": …}], "active": …, "start": …}
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	v2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	"github.com/kedacore/keda/v2/pkg/scaling/executor"
	"github.com/kedacore/keda/v2/pkg/scaling/scaledjob"
)

type trigger struct {
	Type   string  `json:"type"`
	Value  float64 `json:"value"`
	Active bool    `json:"active"`
	Error  string  `json:"error,omitempty"`
}

type decision struct {
	Triggers []trigger `json:"triggers"`
	Active   bool      `json:"active"`
	Start    int64     `json:"start"`
}

func main() {
	result, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scalers:", err)
		os.Exit(1)
	}
}

func run(arguments []string) (*decision, error) {
	if len(arguments) != 2 {
		return nil, errors.New("FILE and RUNNING, please")
	}
	running, err := strconv.ParseInt(arguments[1], 10, 64)
	if err != nil {
		return nil, err
	}
	job, err := scaledJob(arguments[0])
	if err != nil {
		return nil, err
	}
	password, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	return decide(job, strings.TrimSpace(string(password)), running)
}

// The one document of this kind; an unknown or misspelt field is an error, as for the API server.
func scaledJob(path string) (*kedav1alpha1.ScaledJob, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		job := &kedav1alpha1.ScaledJob{}
		if yaml.Unmarshal(document, job) == nil && job.Kind == "ScaledJob" {
			return job, yaml.UnmarshalStrict(document, job)
		}
	}
	return nil, errors.New("no ScaledJob in " + path)
}

func build(ctx context.Context, kind string, config *scalersconfig.ScalerConfig) (scalers.Scaler, error) {
	switch kind {
	case "redis-streams":
		return scalers.NewRedisStreamsScaler(ctx, false, false, config)
	case "redis":
		return scalers.NewRedisScaler(ctx, false, false, config)
	case "cron":
		return scalers.NewCronScaler(config)
	}
	return nil, errors.New("no scaler for " + kind)
}

// As KEDA's scale handler does it for a ScaledJob: a trigger that fails is left out.
func decide(job *kedav1alpha1.ScaledJob, password string, running int64) (*decision, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	result := &decision{}
	var metrics []scaledjob.ScalerMetrics
	for index, spec := range job.Spec.Triggers {
		config := &scalersconfig.ScalerConfig{
			ScalableObjectName: job.Name, ScalableObjectNamespace: job.Namespace, ScalableObjectType: "ScaledJob",
			TriggerMetadata: spec.Metadata, AuthParams: map[string]string{}, TriggerIndex: index, MetricType: v2.AverageValueMetricType,
		}
		if spec.AuthenticationRef != nil {
			config.AuthParams["password"] = password
		}
		scaler, err := build(ctx, spec.Type, config)
		if err != nil {
			return nil, fmt.Errorf("trigger %d (%s): %w", index, spec.Type, err)
		}
		defer scaler.Close(ctx)
		specs := scaler.GetMetricSpecForScaling(ctx)
		values, active, err := scaler.GetMetricsAndActivity(ctx, specs[0].External.Metric.Name)
		if err != nil {
			result.Triggers = append(result.Triggers, trigger{Type: spec.Type, Error: err.Error()})
			continue
		}
		length, most, _ := scaledjob.CalculateQueueLengthAndMaxValue(values, specs, job.MaxReplicaCount())
		metrics = append(metrics, scaledjob.ScalerMetrics{QueueLength: length, MaxValue: most, IsActive: active})
		result.Triggers = append(result.Triggers, trigger{Type: spec.Type, Value: length, Active: active})
	}
	var scaleTo, most int64
	result.Active, scaleTo, most, _ = scaledjob.IsScaledJobActive(metrics, job.Spec.ScalingStrategy.MultipleScalersCalculation,
		job.MinReplicaCount(), job.MaxReplicaCount())
	start, scaleTo := executor.NewScalingStrategy(logr.Discard(), job).GetEffectiveMaxScale(most, running, 0, job.MaxReplicaCount(), scaleTo)
	if result.Active {
		result.Start = max(0, min(start, scaleTo))
	}
	return result, nil
}
