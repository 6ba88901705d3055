BEGIN { print "moon rises" }
