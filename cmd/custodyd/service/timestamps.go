package service

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/evidence-custody/custodyd/custody/timekeeper"
	"github.com/evidence-custody/custodyd/custody/witness"
)

// findAuthorities prepares those that are asked for the log's time. Whether
// they answer is seen later: a service does not wait for them.
func (s *Service) findAuthorities() error {
	if len(s.o.TimestampAuthorities) == 0 {
		return nil
	}
	var all []timekeeper.Authority
	for _, a := range s.o.TimestampAuthorities {
		b, err := os.ReadFile(a.CertificateFile)
		if err != nil {
			return fmt.Errorf("couldn't read the certificate of time-stamping authority %s: %w", a.URL, err)
		}
		certificates, err := witness.ParseCertificates(b)
		if err != nil {
			return fmt.Errorf("couldn't use %s for time-stamping authority %s: %w", a.CertificateFile, a.URL, err)
		}
		tsa, err := witness.NewTSA(a.URL, certificates, nil)
		if err != nil {
			return err
		}
		all = append(all, tsa)
		s.say("timestamps:     %s, at most every %s", tsa.Name(), s.o.TimestampEvery)
	}
	s.keeper = timekeeper.New(timekeeper.Options{Record: s.ledger, Authorities: all, Every: s.o.TimestampEvery, Now: s.o.Now, Log: s.o.Log,
		Observe: func(authority, of string, err error) {
			if s.metrics != nil {
				s.metrics.Timestamp(authority, of, err)
			}
		}})
	return nil
}

// keepTime begins to ask, once everything else stands. It ends before the
// ledger does.
func (s *Service) keepTime() {
	if s.keeper == nil {
		return
	}
	ctx, end := context.WithCancel(s.life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keeper.Run(ctx)
	}()
	s.started("timekeeper", func(context.Context) error {
		end()
		<-done
		return nil
	})
}

// timestampsWaiting is how long what happened has waited for each authority.
func (s *Service) timestampsWaiting(ctx context.Context) (map[string]time.Duration, error) {
	gaps, err := s.keeper.Gaps(ctx)
	if err != nil {
		s.o.Log.Warn("couldn't ask how far timestamps go", "error", err)
		return nil, err
	}
	out := map[string]time.Duration{}
	for _, g := range gaps {
		out[g.Authority] = g.Waiting
	}
	return out, nil
}
