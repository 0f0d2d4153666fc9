"""All that proposes novel clusters, put to the same cases. Serves nothing."""
