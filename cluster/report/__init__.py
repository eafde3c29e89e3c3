"""What a person looks at: pictures of numbers and the self-contained report."""
