//! Files of trends and alarm journals: CSV and XLSX.
