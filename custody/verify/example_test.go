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
func ExampleDossiers() {
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
	d, malformed, err := verify.Read(f, info.Size(), dossier.DefaultLimits)
	if err != nil {
		log.Fatal(err) // it could not be read
	}
	if malformed != nil {
		fmt.Println(malformed.Verdict) // it is no dossier: bad
		return
	}
	image, err := os.Open("../testdata/verify/files/complete-to.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer image.Close()
	result, err := verify.Dossiers(context.Background(), policy, []*dossier.Dossier{d}, verify.File{Name: "image.dd", Reader: image})
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
