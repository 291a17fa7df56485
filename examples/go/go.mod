module cumulative/examples

go 1.18
