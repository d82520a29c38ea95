package service

// Tidy is what every hour does.
var Tidy = (*Service).tidy
