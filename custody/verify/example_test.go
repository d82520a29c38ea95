package verify_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// A laboratory verifies a dossier and the image that it was given, under a
// policy that it made itself.
func ExampleSources() {
	content, err := os.ReadFile("../testdata/verify/files/complete-to.json")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := verify.ParsePolicy(content)
	if err != nil {
		log.Fatal(err)
	}
	f, err := os.Open("../testdata/verify/files/complete-to.zip")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	image, err := os.Open("../testdata/verify/files/complete-to.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer image.Close()
	result, err := verify.Sources(context.Background(), policy, dossier.DefaultLimits,
		[]verify.Source{{Name: "complete-to.zip", Reader: f, Size: info.Size()}}, verify.File{Name: "image.dd", Reader: image})
	if err != nil {
		log.Fatal(err) // it could not be checked
	}
	fmt.Println(result.Verdict)
	for _, finding := range result.Findings {
		fmt.Println(finding.Severity, finding.Name)
	}
	// Output:
	// whole
	// note bytes-match
	// note complete-to
	// note complete-to
}
