// All analyzers of `istioctl analyze` over objects of files alone. istioctl itself leaves out those that read Services, Pods and other
// objects of Kubernetes unless it has a cluster. Reads `{"name": "YAML documents"}`, writes `{"name": ["CODE Kind namespace/name: message"]}` to the
// file that it is given: Istio writes to the standard output, too.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
)

func main() {
	texts := map[string]string{}
	check(json.NewDecoder(os.Stdin).Decode(&texts))
	found := map[string][]string{}
	for name, text := range texts {
		analyzer := local.NewSourceAnalyzer(analyzers.AllCombined(), "", "istio-system", nil)
		if err := analyzer.AddTestReaderKubeSource([]local.ReaderSource{{Name: name, Reader: strings.NewReader(text)}}); err != nil {
			found[name] = []string{"unreadable: " + err.Error()}
			continue
		}
		check(analyzer.AddDefaultResources())
		result, err := analyzer.Analyze(make(chan struct{}))
		check(err)
		found[name] = []string{}
		for _, message := range result.Messages {
			code, where := message.Type.Code(), ""
			if message.Resource != nil {
				where = message.Resource.Origin.FriendlyName()
			}
			found[name] = append(found[name], fmt.Sprintf("%s %s: %s", code, where, fmt.Sprintf(message.Type.Template(), message.Parameters...)))
		}
	}
	file, err := os.Create(os.Args[1])
	check(err)
	check(json.NewEncoder(file).Encode(found))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
