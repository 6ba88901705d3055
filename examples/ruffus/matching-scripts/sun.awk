BEGIN { print "sun rises" }
