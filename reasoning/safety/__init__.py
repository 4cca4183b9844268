"""What the safety gate reads risk with: heads on the sentence embedding, patterns, and help lines by country."""
