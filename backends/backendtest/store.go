package backendtest

func storeCases() []testCase { return nil }
