// Judges the manifests of a folder by the library of Kubernetes itself, restricted:latest, on all
// cores: what `cargo xtask bench policy` compares podward with. One verdict a line, and on standard
// error how many files and workloads there were.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type judge struct {
	decoder   k8sruntime.Decoder
	evaluator policy.Evaluator
	level     api.LevelVersion
}

func newJudge() (*judge, error) {
	scheme := k8sruntime.NewScheme()
	for _, add := range []func(*k8sruntime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	return &judge{
		decoder:   serializer.NewCodecFactory(scheme).UniversalDeserializer(),
		evaluator: evaluator,
		level:     api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()},
	}, nil
}

// pod returns what of an object becomes a pod.
func pod(object k8sruntime.Object) (*metav1.ObjectMeta, *corev1.PodSpec) {
	template := func(t *corev1.PodTemplateSpec) (*metav1.ObjectMeta, *corev1.PodSpec) {
		return &t.ObjectMeta, &t.Spec
	}
	switch o := object.(type) {
	case *corev1.Pod:
		return &o.ObjectMeta, &o.Spec
	case *corev1.PodTemplate:
		return template(&o.Template)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			return template(o.Spec.Template)
		}
	case *appsv1.Deployment:
		return template(&o.Spec.Template)
	case *appsv1.DaemonSet:
		return template(&o.Spec.Template)
	case *appsv1.StatefulSet:
		return template(&o.Spec.Template)
	case *appsv1.ReplicaSet:
		return template(&o.Spec.Template)
	case *batchv1.Job:
		return template(&o.Spec.Template)
	case *batchv1.CronJob:
		return template(&o.Spec.JobTemplate.Spec.Template)
	}
	return nil, nil
}

// file judges one file, and counts its workloads.
func (j *judge) file(path string) (string, int) {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("%s: %v\n", path, err), 0
	}
	var out strings.Builder
	count := 0
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for doc := 0; ; doc++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out.String(), count
		}
		if err != nil {
			fmt.Fprintf(&out, "%s %d: %v\n", path, doc, err)
			return out.String(), count
		}
		object, _, err := j.decoder.Decode(part, nil, nil)
		if err != nil {
			continue
		}
		meta, spec := pod(object)
		if spec == nil {
			continue
		}
		count++
		result := policy.AggregateCheckResults(j.evaluator.EvaluatePod(j.level, meta, spec))
		fmt.Fprintf(&out, "%s %d: %t %s\n", path, doc, result.Allowed, result.ForbiddenDetail())
	}
}

func run() error {
	judge, err := newJudge()
	if err != nil {
		return err
	}
	var paths []string
	err = filepath.WalkDir(os.Args[1], func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml", ".json":
			if !entry.IsDir() {
				paths = append(paths, path)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	next := make(chan string)
	var group sync.WaitGroup
	var lock sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	total := 0
	for range runtime.NumCPU() {
		group.Go(func() {
			for path := range next {
				text, count := judge.file(path)
				lock.Lock()
				total += count
				out.WriteString(text)
				lock.Unlock()
			}
		})
	}
	for _, path := range paths {
		next <- path
	}
	close(next)
	group.Wait()
	fmt.Fprintf(os.Stderr, "%d files, %d workloads\n", len(paths), total)
	return out.Flush()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
