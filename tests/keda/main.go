// KEDA's own code, asked what it would do with a ScaledJob: its scalers read the real Redis, its calculation and its scaling
// strategy say how many Jobs it would start.
//
//	scalers FILE RUNNING [OBJECT…]   FILE is what `export keda` wrote; the password, if any, comes on standard input; RUNNING
//	                        is how many Jobs run already; the OBJECTs are files with the Secrets and ConfigMaps that the
//	                        TriggerAuthentication names
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
	corev1 "k8s.io/api/core/v1"
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
	if len(arguments) < 2 {
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
	authentication, err := authentication(arguments[0], arguments[2:])
	if err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(string(password)); text != "" {
		authentication["password"] = text
	}
	return decide(job, authentication, running)
}

// What the TriggerAuthentication takes from the objects, as KEDA's resolver does it. One that is not given is left out.
func authentication(path string, objects []string) (map[string]string, error) {
	parameters := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, file := range objects {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range bytes.Split(content, []byte("\n---\n")) {
			secret, configMap := &corev1.Secret{}, &corev1.ConfigMap{}
			if yaml.Unmarshal(document, secret) == nil && secret.Kind == "Secret" {
				for key, value := range secret.Data {
					values["Secret/"+secret.Name+"/"+key] = string(value)
				}
			} else if err := yaml.Unmarshal(document, configMap); err != nil {
				return nil, err
			} else {
				for key, value := range configMap.Data {
					values["ConfigMap/"+configMap.Name+"/"+key] = value
				}
			}
		}
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		trigger := &kedav1alpha1.TriggerAuthentication{}
		if yaml.Unmarshal(document, trigger) != nil || trigger.Kind != "TriggerAuthentication" {
			continue
		}
		if err := yaml.UnmarshalStrict(document, trigger); err != nil {
			return nil, err
		}
		for _, one := range trigger.Spec.SecretTargetRef {
			if value, ok := values["Secret/"+one.Name+"/"+one.Key]; ok {
				parameters[one.Parameter] = value
			}
		}
		for _, one := range trigger.Spec.ConfigMapTargetRef {
			if value, ok := values["ConfigMap/"+one.Name+"/"+one.Key]; ok {
				parameters[one.Parameter] = value
			}
		}
	}
	return parameters, nil
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
func decide(job *kedav1alpha1.ScaledJob, authentication map[string]string, running int64) (*decision, error) {
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
			config.AuthParams = authentication
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
