// Package demo plays the whole story of one exhibit through the public API,
// with the same client code that people use: seizure, deposit, handover under
// two signatures, an independent laboratory, the court's report, offline
// verification, and two forgeries that must be caught.
package demo
