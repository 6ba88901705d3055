BEGIN { print "star rises" }
