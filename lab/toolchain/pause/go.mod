module shopzier.example/lab/pause

go 1.26.0
